package org.cristae.fiji.ui;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import javax.imageio.ImageIO;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.v1.Preview;

/** Fetches the newest picture of a training in the background, however often a new one is told. */
final class Previews {
  private static final String FEATURE = "training.preview";
  private static final int MOST_PIXELS = 2048;

  private final Client client;
  private final String jobId;
  private final JobListener listener;
  private final AtomicInteger told = new AtomicInteger();

  Previews(Client client, String jobId, JobListener listener) {
    this.client = client;
    this.jobId = jobId;
    this.listener = listener;
  }

  /** There may be a new picture; returns at once. */
  void look() {
    if (listener.showsPreviews() && told.getAndIncrement() == 0) {
      Thread thread = new Thread(this::fetch, "Cristae fetches a preview");
      thread.setDaemon(true);
      thread.start();
    }
  }

  private void fetch() {
    int seen;
    do {
      seen = told.get(); // all that was told until now is one picture
      try {
        Preview newest =
            client.server().getFeaturesList().contains(FEATURE)
                ? new Jobs(client).preview(jobId)
                : null;
        BufferedImage picture = newest == null ? null : read(newest.getPng().toByteArray());
        if (picture != null) {
          listener.preview(picture, newest.getClassesList());
        }
      } catch (CristaeException e) {
        // the next one may come; whoever follows the job says what is wrong
      } catch (RuntimeException | Error e) {
        Failures.keep(e);
      }
    } while (!told.compareAndSet(seen, 0));
  }

  /** The picture in a PNG; null if it is none, or larger than trainings make. */
  static BufferedImage read(byte[] png) {
    boolean isSmall = side(png, 16) <= MOST_PIXELS && side(png, 20) <= MOST_PIXELS;
    try {
      return isSmall ? ImageIO.read(new ByteArrayInputStream(png)) : null;
    } catch (IOException e) {
      return null;
    }
  }

  /** Width (at 16) or height (at 20) as the header of a PNG states it. */
  private static long side(byte[] png, int at) {
    if (png.length < at + 4) {
      return Long.MAX_VALUE;
    }
    return (png[at] & 0xffL) << 24
        | (png[at + 1] & 0xffL) << 16
        | (png[at + 2] & 0xffL) << 8
        | png[at + 3] & 0xffL;
  }
}
