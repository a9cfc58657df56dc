package org.cristae.fiji.ui;

import ij.ImageListener;
import ij.ImagePlus;
import java.awt.BorderLayout;
import java.awt.event.WindowAdapter;
import java.awt.event.WindowEvent;
import java.util.ArrayList;
import java.util.List;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JSlider;
import javax.swing.SwingUtilities;
import javax.swing.WindowConstants;
import org.cristae.fiji.labels.ObjectsOverlay;

/** A small window with the opacity of objects over an image; closing it takes them off. */
public final class ObjectsWindow implements ImageListener {
  /** Used on the event thread, as all that follows. */
  private static final List<ObjectsWindow> OPEN = new ArrayList<>();

  private final ImagePlus image;
  private final ImagePlus labels;
  private final ObjectsOverlay laid;
  private final JFrame frame;
  private boolean isClosed;

  private ObjectsWindow(ShowObjects show) {
    image = show.image();
    laid = show.lay();
    labels = laid.labels();
    frame = new JFrame("Cristae: objects over " + image.getTitle());
    frame.setDefaultCloseOperation(WindowConstants.DO_NOTHING_ON_CLOSE);
    frame.addWindowListener(
        new WindowAdapter() {
          @Override
          public void windowClosing(WindowEvent event) {
            close();
          }
        });
    JSlider opacity = new JSlider(1, 100, (int) Math.round(100 * laid.getOpacity()));
    opacity.setName("opacity");
    opacity.setToolTipText("How much of the image the objects cover");
    opacity.addChangeListener(event -> laid.cover(opacity.getValue() / 100.0));
    JPanel content = Look.padded(new JPanel(new BorderLayout(0, Look.GAP)));
    content.add(
        new JLabel(new Html().text("The objects of ").bold(labels.getTitle()).wrapped(220)),
        BorderLayout.NORTH);
    content.add(opacity, BorderLayout.CENTER);
    content.add(Look.buttons(Look.button("Close", this::close)), BorderLayout.SOUTH);
    frame.setContentPane(content);
    Look.onEsc(frame.getRootPane(), this::close);
  }

  /** Lays objects over their image, or takes them off; returns at once. */
  public static void open(ShowObjects show) {
    Look.onEventThread(
        () -> {
          takeOff(show.image());
          if (show.isEnd()) {
            return;
          }
          ObjectsWindow window = new ObjectsWindow(show);
          Look.show(window.frame);
          OPEN.add(window);
          ObjectLink.begin(); // a table of their objects may be opened from a file
          ImagePlus.addImageListener(window);
        });
  }

  /** Takes objects off an image, and closes their window, if they have one. */
  static void takeOff(ImagePlus image) {
    ObjectsOverlay.remove(image);
    SwingUtilities.invokeLater(() -> new ArrayList<>(OPEN).forEach(ObjectsWindow::closeIfTakenOff));
  }

  @Override
  public void imageOpened(ImagePlus opened) {}

  @Override
  public void imageUpdated(ImagePlus updated) {
    if (updated == labels) {
      image.draw(); // merged, split or painted
    } else if (updated == image) {
      SwingUtilities.invokeLater(this::closeIfTakenOff);
    }
  }

  @Override
  public void imageClosed(ImagePlus closed) {
    if (closed == image || closed == labels) {
      SwingUtilities.invokeLater(this::close);
    }
  }

  private void closeIfTakenOff() {
    if (ObjectsOverlay.of(image) != laid) {
      close();
    }
  }

  private void close() {
    if (isClosed) {
      return;
    }
    isClosed = true;
    OPEN.remove(this);
    ImagePlus.removeImageListener(this);
    if (ObjectsOverlay.of(image) == laid) {
      ObjectsOverlay.remove(image);
    }
    frame.dispose();
  }
}
