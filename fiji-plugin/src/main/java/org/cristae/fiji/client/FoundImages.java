package org.cristae.fiji.client;

import java.util.ArrayList;
import java.util.List;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.FoundVolume;
import org.cristae.v1.ListFoundVolumesRequest;
import org.cristae.v1.ListFoundVolumesResponse;

/** The images that lie under the data root of a server: nobody needs to send them. */
public final class FoundImages {
  /** The feature of a server that has a data root. */
  public static final String FEATURE = "volumes.found";

  private static final int MOST_NAMED = 10;

  private FoundImages() {}

  /**
   * Those that can be read, in the order of their names; the first time it takes seconds.
   *
   * @param most after so many no further ones are asked for
   */
  public static List<FoundVolume> list(Client client, int most, Cancellation cancellation)
      throws CristaeException {
    List<FoundVolume> images = new ArrayList<>();
    String page = "";
    do {
      ListFoundVolumesResponse answer = page(client, page, cancellation);
      for (FoundVolume image : answer.getVolumesList()) {
        if (image.getProblem().isEmpty() && images.size() < most) {
          images.add(image);
        }
      }
      page = answer.getNextPage();
    } while (!page.isEmpty() && images.size() < most);
    return images;
  }

  /**
   * The image of a name.
   *
   * @throws CristaeException if there is none, or it cannot be read; the sentence says why
   */
  public static FoundVolume named(Client client, String name, Cancellation cancellation)
      throws CristaeException {
    List<String> others = new ArrayList<>();
    String page = "";
    do {
      ListFoundVolumesResponse answer = page(client, page, cancellation);
      for (FoundVolume image : answer.getVolumesList()) {
        if (!image.getName().equals(name)) {
          others.add(image.getName());
        } else if (image.getProblem().isEmpty()) {
          return image;
        } else {
          throw new CristaeException(ErrorCode.ERROR_CODE_INVALID_INPUT, image.getProblem());
        }
      }
      page = answer.getNextPage();
    } while (!page.isEmpty());
    throw new CristaeException(
        ErrorCode.ERROR_CODE_NOT_FOUND,
        "The server offers no image \"" + name + "\". " + offered(others));
  }

  private static String offered(List<String> names) {
    if (names.isEmpty()) {
      return "Its data root holds none.";
    }
    int shown = Math.min(MOST_NAMED, names.size());
    String more = names.size() > shown ? " and " + (names.size() - shown) + " more" : "";
    return "It offers " + String.join(", ", names.subList(0, shown)) + more + ".";
  }

  private static ListFoundVolumesResponse page(
      Client client, String page, Cancellation cancellation) throws CristaeException {
    ListFoundVolumesRequest request = ListFoundVolumesRequest.newBuilder().setPage(page).build();
    return client.callLong(() -> client.volumes().listFoundVolumes(request), cancellation);
  }
}
