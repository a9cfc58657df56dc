package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import ij.ImagePlus;
import ij.ImageStack;
import ij.VirtualStack;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.cristae.v1.Box;
import org.cristae.v1.GreySample;
import org.cristae.v1.GreyStatistics;
import org.junit.jupiter.api.Test;

/** What is measured of an image is remembered, and forgotten at once. */
class GreyMeasuresTest {
  private volatile int grey = 10;
  private volatile boolean isOpen;
  private final CountDownLatch reads = new CountDownLatch(1);
  private final CountDownLatch mayGoOn = new CountDownLatch(1);

  /** Each plane is of one grey value, and is read as slowly as the test wants. */
  private ImageVolume image() throws Exception {
    ImageStack stack =
        new VirtualStack(4, 3, 2) {
          @Override
          public ImageProcessor getProcessor(int n) {
            int now = grey;
            if (isOpen) {
              waitForTheTest();
            }
            ByteProcessor plane = new ByteProcessor(4, 3);
            plane.setValue(now);
            plane.fill();
            return plane;
          }

          @Override
          public Object getPixels(int n) {
            return getProcessor(n).getPixels();
          }
        };
    ImagePlus image = new ImagePlus();
    image.setStack("stack", stack);
    ImageVolume volume = ImageVolume.image(image, null);
    isOpen = true;
    return volume;
  }

  private void waitForTheTest() {
    reads.countDown();
    try {
      mayGoOn.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void whatIsForgottenWhileItIsMeasuredIsForgottenAtOnceAndMeasuredAnew() throws Exception {
    Box.Builder box = Box.newBuilder().setZStop(1).setYStop(3).setXStop(4);
    GreySample sample = GreySample.newBuilder().addBoxes(box).build();
    GreyMeasures measures = new GreyMeasures(image());
    FutureTask<GreyStatistics> first = new FutureTask<>(() -> measures.of(sample));
    new Thread(first).start();
    reads.await();
    assertTimeoutPreemptively(Duration.ofSeconds(10), measures::forget);
    grey = 20;
    mayGoOn.countDown();
    first.get();
    assertEquals(20, measures.of(sample).getMean(0));
    grey = 30;
    assertEquals(20, measures.of(sample).getMean(0));
    measures.forget();
    assertEquals(30, measures.of(sample).getMean(0));
  }
}
