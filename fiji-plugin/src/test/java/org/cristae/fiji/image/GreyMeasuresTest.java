package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ij.ImagePlus;
import ij.process.ByteProcessor;
import org.cristae.v1.Box;
import org.cristae.v1.GreySample;
import org.junit.jupiter.api.Test;

/** What was measured of an image is known until the image is looked at anew. */
class GreyMeasuresTest {
  @Test
  void aSampleIsMeasuredOnce() throws Exception {
    ImagePlus image = new ImagePlus("grey.tif", new ByteProcessor(4, 3));
    image.getProcessor().add(20);
    Box.Builder box = Box.newBuilder().setZStop(1).setYStop(3).setXStop(4);
    GreySample sample = GreySample.newBuilder().addBoxes(box).build();
    GreyMeasures measures = new GreyMeasures(ImageVolume.image(image, null));
    assertEquals(20, measures.of(sample).getMean(0));
    image.getProcessor().add(10);
    assertEquals(20, measures.of(sample).getMean(0));
    GreyMeasures anew = new GreyMeasures(ImageVolume.image(image, null));
    assertEquals(30, anew.of(sample).getMean(0));
  }
}
