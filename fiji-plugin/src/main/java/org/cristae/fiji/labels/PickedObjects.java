package org.cristae.fiji.labels;

import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.process.FloatPolygon;
import java.awt.Point;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.v1.Voxel;

/** What a person picked in a label image with a selection. */
public final class PickedObjects {
  private PickedObjects() {}

  /**
   * The voxels of the points of a selection, in the order in which they were set; none if the
   * selection is of another kind. A point without a slice of its own belongs to the one shown.
   */
  public static List<Voxel> points(ObjectImage objects) {
    List<Voxel> voxels = new ArrayList<>();
    Roi selection = objects.image().getRoi();
    if (!(selection instanceof PointRoi)) {
      return voxels;
    }
    int current = objects.order().currentSection(objects.image());
    FloatPolygon points = selection.getFloatPolygon();
    for (int i = 0; i < points.npoints; i++) {
      int section = objects.order().sectionOf((PointRoi) selection, i, current);
      int row = (int) Math.floor(points.ypoints[i]); // within the voxel, as ImageJ measures it
      int column = (int) Math.floor(points.xpoints[i]);
      if (objects.contains(section, row, column)) {
        voxels.add(Voxel.newBuilder().setZ(section).setY(row).setX(column).build());
      }
    }
    return voxels;
  }

  /** The points of a selection that lie in the background. */
  public static List<Voxel> besideObjects(ObjectImage objects) throws CristaeException {
    List<Voxel> beside = new ArrayList<>();
    for (Voxel voxel : points(objects)) {
      if (objects.idAt((int) voxel.getZ(), (int) voxel.getY(), (int) voxel.getX()) <= 0) {
        beside.add(voxel);
      }
    }
    return beside;
  }

  /** The ids of the objects below a selection: under its points, on its line, in its area. */
  public static SortedSet<Integer> ids(ObjectImage objects) throws CristaeException {
    SortedSet<Integer> ids = new TreeSet<>();
    for (Voxel voxel : points(objects)) {
      ids.add(objects.idAt((int) voxel.getZ(), (int) voxel.getY(), (int) voxel.getX()));
    }
    Roi selection = objects.image().getRoi();
    if (selection != null && !(selection instanceof PointRoi)) {
      int current = objects.order().currentSection(objects.image());
      int section = objects.order().sectionOf(selection, current);
      for (Point point : selection) {
        if (objects.contains(section, point.y, point.x)) {
          ids.add(objects.idAt(section, point.y, point.x));
        }
      }
    }
    ids.removeIf(id -> id <= 0);
    return ids;
  }
}
