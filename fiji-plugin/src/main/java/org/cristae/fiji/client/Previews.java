package org.cristae.fiji.client;

import org.cristae.v1.PlanPreviewRequest;
import org.cristae.v1.PreviewPartRequest;
import org.cristae.v1.PreviewPlan;
import org.cristae.v1.PreviewSubject;
import org.cristae.v1.PreviewedPart;

/** Asks what a model makes of a part of an image, at once and without a job. */
public final class Previews {
  private final Client client;

  /** The previews of the server that {@code client} is connected to. */
  public Previews(Client client) {
    this.client = client;
  }

  /**
   * What of an image is needed for a preview.
   *
   * @throws CristaeException if image and model do not go together, or the part is too large; if
   *     the same viewer asked for something newer, it says that it was cancelled
   */
  public PreviewPlan plan(PreviewSubject subject) throws CristaeException {
    PlanPreviewRequest request = PlanPreviewRequest.newBuilder().setSubject(subject).build();
    return client.call(() -> client.previews().planPreview(request));
  }

  /**
   * The preview itself.
   *
   * @throws CristaeException as of {@link #plan}, or if the model was replaced since
   */
  public PreviewedPart part(PreviewPartRequest request) throws CristaeException {
    return client.call(() -> client.previews().previewPart(request));
  }
}
