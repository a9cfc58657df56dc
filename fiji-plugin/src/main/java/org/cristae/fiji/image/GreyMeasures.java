package org.cristae.fiji.image;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.GreySample;
import org.cristae.v1.GreyStatistics;

/** What was measured of an image already; whoever looks at another slice need not do it again. */
public final class GreyMeasures {
  private final ImageVolume image;
  private final Map<GreySample, GreyStatistics> known = new ConcurrentHashMap<>();

  /** Nothing is measured yet. */
  public GreyMeasures(ImageVolume image) {
    this.image = image;
  }

  /**
   * Mean and deviation of a sample, see {@link PartOfImage#measured}.
   *
   * @throws CristaeException if a plane cannot be read
   */
  public GreyStatistics of(GreySample sample) throws CristaeException {
    GreyStatistics found = known.get(sample);
    if (found == null) {
      found = PartOfImage.measured(image, sample);
      known.put(sample, found);
    }
    return found;
  }
}
