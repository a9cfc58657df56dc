package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.gui.PointRoi;
import ij.gui.Roi;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/**
 * Which plane of an ImageJ stack is which channel and section: ImageJ's order is XYCZT, the
 * contract's is c, z, y, x. The only place that knows both.
 *
 * <p>Channels and sections count from 0 here, as in the contract; planes count from 1, as in
 * ImageJ. Where a stack of sections was opened as a time series (one slice, many frames, the
 * commonest slip), the frames are taken as sections.
 */
public final class PlaneOrder {
  private final int channels;
  private final int slices;
  private final int frames;

  private PlaneOrder(int channels, int slices, int frames) {
    this.channels = channels;
    this.slices = slices;
    this.frames = frames;
  }

  /**
   * The order of the planes of {@code image}.
   *
   * @throws CristaeException if it has several slices and several frames
   */
  public static PlaneOrder of(ImagePlus image) throws CristaeException {
    if (image.getNSlices() > 1 && image.getNFrames() > 1) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "\""
              + image.getTitle()
              + "\" has "
              + image.getNSlices()
              + " slices and "
              + image.getNFrames()
              + " time points. Cristae takes one volume: choose a time point with Image >"
              + " Duplicate, or correct the dimensions in Image > Properties.");
    }
    return new PlaneOrder(image.getNChannels(), image.getNSlices(), image.getNFrames());
  }

  /** The number of channels. */
  public int channels() {
    return channels;
  }

  /** The number of sections; 1 for a 2D image. */
  public int sections() {
    return slices * frames;
  }

  /** True if the frames of a time series are taken as sections. */
  public boolean isTimeTakenAsSections() {
    return frames > 1;
  }

  /** The plane, from 1, of a channel and a section, both from 0. */
  public int plane(int channel, int section) {
    return section * channels + channel + 1;
  }

  /** The section, from 0, of a plane, from 1. */
  public int sectionOfPlane(int plane) {
    return (plane - 1) / channels;
  }

  /** The section, from 0, that {@code image} shows. */
  public int currentSection(ImagePlus image) {
    return sectionOfPlane(image.getCurrentSlice());
  }

  /**
   * The section, from 0, that a ROI belongs to.
   *
   * @param current the section taken if the ROI has no position of its own
   */
  public int sectionOf(Roi roi, int current) {
    if (roi.hasHyperStackPosition()) {
      int position = frames > 1 ? roi.getTPosition() : roi.getZPosition();
      return position > 0 ? position - 1 : current;
    }
    return roi.getPosition() > 0 ? sectionOfPlane(roi.getPosition()) : current;
  }

  /** The section, from 0, of point {@code index} of a ROI of many points, each with a position. */
  public int sectionOf(PointRoi points, int index, int current) {
    int plane = points.getPointPosition(index);
    return plane > 0 ? sectionOfPlane(plane) : sectionOf(points, current);
  }

  /** Has a ROI of an overlay shown on a section, from 0, in all channels. */
  public void place(Roi roi, int section) {
    if (channels == 1 && frames == 1) {
      roi.setPosition(section + 1);
    } else {
      roi.setPosition(0, frames > 1 ? 1 : section + 1, frames > 1 ? section + 1 : 1);
    }
  }

  /** The same sections with another number of channels. */
  public PlaneOrder withChannels(int count) {
    return new PlaneOrder(count, slices, frames);
  }

  /** Gives {@code result} these channels, and slices or frames. */
  public void shape(ImagePlus result) {
    result.setDimensions(channels, slices, frames);
    result.setOpenAsHyperStack(channels > 1 || frames > 1);
  }
}
