package org.cristae.fiji.ui;

import org.cristae.fiji.client.Progress;

/** One of several volumes that are sent: says which, and how far all of them are. */
final class OneOfSeveral implements Progress {
  private static final int A_PAIR = 2;

  private final Progress all;
  private final int number;
  private final int count;

  private OneOfSeveral(Progress all, int number, int count) {
    this.all = all;
    this.number = number;
    this.count = count;
  }

  /**
   * The progress of the volume {@code number}, from 1; an image and its labels alone are not
   * counted.
   */
  static Progress of(Progress all, int number, int count) {
    return count > A_PAIR ? new OneOfSeveral(all, number, count) : all;
  }

  @Override
  public void update(String stage, double fraction, String detail) {
    String which = stage + ", " + number + " of " + count;
    all.update(which, (number - 1 + fraction) / count, detail);
  }

  @Override
  public void note(String sentence, boolean isWarning) {
    all.note(sentence, isWarning);
  }
}
