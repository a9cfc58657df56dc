package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import ij.ImagePlus;
import ij.VirtualStack;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import java.util.concurrent.atomic.AtomicInteger;
import org.cristae.fiji.image.ObjectImage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Slices that cannot be read do not keep others from being read. */
@Timeout(60)
class SlicesBehindTest {
  private static final byte[] PLANE = {1, 2, 3, 4};

  /** A virtual stack whose first slice does not fit into the memory. */
  private static final class Slices extends VirtualStack {
    private final AtomicInteger reads = new AtomicInteger();
    private boolean isFailing;

    Slices() {
      super(2, 2, 3);
      setBitDepth(8);
    }

    @Override
    public ImageProcessor getProcessor(int number) {
      if (isFailing && number == 1) {
        reads.incrementAndGet();
        throw new OutOfMemoryError("of a test");
      }
      return new ByteProcessor(2, 2, PLANE);
    }

    @Override
    public Object getPixels(int number) {
      return getProcessor(number).getPixels();
    }

    @Override
    public String getSliceLabel(int number) {
      return null;
    }
  }

  @Test
  void aSliceThatDoesNotFitIntoTheMemoryIsLeftOutAndTheNextOneIsRead() throws Exception {
    Slices stack = new Slices();
    ImagePlus labels = new ImagePlus("labels.tif", stack);
    SlicesBehind slices =
        new SlicesBehind(ObjectImage.of(labels), new ImagePlus("raw.tif", new ByteProcessor(2, 2)));
    stack.isFailing = true;
    assertNull(slices.wait(0));
    assertEquals(1, stack.reads.get());
    assertNull(slices.ifThere(0));
    while (stack.reads.get() < 2) {
      Thread.sleep(1);
    }
    Object plane = null;
    while (plane == null) {
      plane = slices.ifThere(1);
      Thread.sleep(1);
    }
    assertArrayEquals(PLANE, (byte[]) plane);
  }
}
