package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.ImageStack;
import java.util.Collections;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.FakeServer;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.image.ServedStack;
import org.cristae.v1.Volume;
import org.cristae.v1.VolumeSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the server has is not sent again, unless a person changed it in ImageJ. */
@Timeout(60)
class NamedUploadTest {
  private static ImagePlus cells() {
    ImageStack stack = new ImageStack(8, 4);
    stack.addSlice(null, new byte[32]);
    stack.addSlice(null, new byte[32]);
    ImagePlus image = new ImagePlus("cells.tif", stack);
    image.getCalibration().setUnit("nm");
    image.getCalibration().pixelDepth = 30;
    return image;
  }

  private static Volume volume(Client client) throws Exception {
    ImageVolume cells = ImageVolume.image(cells(), null);
    return Upload.run(client, cells, Progress.NONE, new Cancellation());
  }

  private static NamedUpload upload(ImagePlus image) throws Exception {
    ImageVolume labels = ImageVolume.labels(image, null, Collections.emptyList());
    return new NamedUpload(image, labels, "label image");
  }

  @Test
  void aVoxelSizeThatAPersonCorrectedIsSentWithTheImage() throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      ImagePlus image = new ServedStack(client, volume(client)).toImage("served.tif", null);
      VolumeSpec first = server.spec;
      assertEquals(
          "digest", upload(image).send(client, Progress.NONE, new Cancellation()).getVolumeId());
      assertEquals(first, server.spec, "it was sent again");
      image.getCalibration().setUnit("micron"); // the same in another unit
      image.getCalibration().pixelWidth = 0.001;
      image.getCalibration().pixelHeight = 0.001;
      image.getCalibration().pixelDepth = 0.03;
      upload(image).send(client, Progress.NONE, new Cancellation());
      assertEquals(first, server.spec, "it was sent again");
      image.getCalibration().pixelDepth = 0.04;
      upload(image).send(client, Progress.NONE, new Cancellation());
      assertEquals(40, server.spec.getVoxelSize().getZNm(), 1e-9);
      assertEquals("served.tif", server.spec.getName());
    }
  }

  @Test
  void nothingIsSentOfSlicesThatCannotBeFetched() throws Exception {
    String thread = Thread.currentThread().getName();
    Thread.currentThread().setName("Cristae test"); // others get no image of what cannot be fetched
    try (FakeServer from = new FakeServer();
        Client near = from.client();
        FakeServer to = new FakeServer();
        Client far = to.client()) {
      Volume volume = volume(near);
      from.corruption = 1;
      NamedUpload upload = upload(new ServedStack(near, volume).toImage("served.tif", null));
      CristaeException failure =
          assertThrows(
              CristaeException.class, () -> upload.send(far, Progress.NONE, new Cancellation()));
      assertTrue(failure.getMessage().contains("damaged on its way"), failure.getMessage());
      assertNull(to.spec);
      assertTrue(to.received.isEmpty());
    } finally {
      Thread.currentThread().setName(thread);
    }
  }
}
