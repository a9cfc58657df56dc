package org.cristae.fiji.image;

import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/**
 * Sees to it that each channel of a label image is a mask: 0 outside and one other value inside. So
 * a label image of classes is refused before it is sent, in the words of the plugin.
 */
final class MaskValues {
  private final String title;
  private final double unknown;
  private final double[] inside;

  /**
   * @param title the title of the labels
   * @param unknown the value of voxels that nobody knows; 0 if there are none
   */
  MaskValues(String title, int channels, long unknown) {
    this.title = title;
    this.unknown = unknown;
    this.inside = new double[channels];
  }

  /** Looks at a plane of a channel, which counts from 0. */
  void check(int channel, Object plane) throws CristaeException {
    if (plane instanceof byte[]) {
      for (byte value : (byte[]) plane) {
        see(channel, value & 0xff);
      }
    } else if (plane instanceof short[]) {
      for (short value : (short[]) plane) {
        see(channel, value & 0xffff);
      }
    } else {
      for (float value : (float[]) plane) {
        see(channel, value);
      }
    }
  }

  private void see(int channel, double value) throws CristaeException {
    if (value == 0 || value == inside[channel] || value == unknown) {
      return;
    }
    if (inside[channel] != 0) {
      throw notAMask(channel, inside[channel], value);
    }
    inside[channel] = value;
  }

  private CristaeException notAMask(int channel, double one, double other) {
    return new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "The labels \""
            + title
            + "\" have the values "
            + (long) Math.min(one, other)
            + " and "
            + (long) Math.max(one, other)
            + (inside.length == 1 ? " in one channel" : " in channel " + (channel + 1))
            + "; a mask has 0 and one other value. Give each mask a channel of its own with Image >"
            + " Color > Merge Channels; for classes that do not overlap choose the task semantic; a"
            + " value that means \"not known\" is to be named as the unknown value.");
  }
}
