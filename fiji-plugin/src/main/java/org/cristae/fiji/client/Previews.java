package org.cristae.fiji.client;

import org.cristae.v1.PlanPreviewRequest;
import org.cristae.v1.PreviewPartRequest;
import org.cristae.v1.PreviewPlan;
import org.cristae.v1.PreviewSubject;
import org.cristae.v1.PreviewedPart;

/** Asks what a model makes of a part of an image, at once and without a job. */
public final class Previews {
  private final Client client;
  private final Contact contact;

  /**
   * The previews of the server that {@code client} is connected to.
   *
   * @param listener told when the server does not answer, and when it is there again
   */
  public Previews(Client client, Progress listener) {
    this.client = client;
    this.contact = new Contact(client, listener);
    contact.update("Looking", 0, "");
  }

  /**
   * What of an image is needed for a preview.
   *
   * @throws CristaeException if image and model do not go together, or the part is too large; if
   *     the same viewer asked for something newer, it says that it was cancelled
   */
  public PreviewPlan plan(PreviewSubject subject) throws CristaeException {
    PlanPreviewRequest request = PlanPreviewRequest.newBuilder().setSubject(subject).build();
    return client.call(() -> client.previews().planPreview(request), contact);
  }

  /**
   * The preview itself.
   *
   * @throws CristaeException as of {@link #plan}, or if the model was replaced since
   */
  public PreviewedPart part(PreviewPartRequest request) throws CristaeException {
    return client.call(() -> client.previews().previewPart(request), contact);
  }
}
