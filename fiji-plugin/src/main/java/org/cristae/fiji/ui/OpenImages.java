package org.cristae.fiji.ui;

import ij.ImagePlus;
import ij.WindowManager;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ImageFile;
import org.cristae.v1.ErrorCode;

/** Finds the images that ImageJ has open, also those without a window in batch mode. */
public final class OpenImages {
  private OpenImages() {}

  /** All open images, in the order in which they were opened. */
  public static List<ImagePlus> all() {
    List<ImagePlus> images = new ArrayList<>();
    int[] ids = WindowManager.getIDList();
    if (ids != null) {
      for (int id : ids) {
        ImagePlus image = WindowManager.getImage(id);
        if (image != null) {
          images.add(image);
        }
      }
    }
    return images;
  }

  /** The open image of this title, the active one first; null if there is none. */
  static ImagePlus titled(String title) {
    List<ImagePlus> named = allTitled(title);
    return named.isEmpty() ? null : named.get(0);
  }

  private static List<ImagePlus> allTitled(String title) {
    List<ImagePlus> named = new ArrayList<>();
    ImagePlus current = WindowManager.getCurrentImage();
    for (ImagePlus image : all()) {
      if (isNamed(image, title)) {
        named.add(image == current ? 0 : named.size(), image);
      }
    }
    if (named.isEmpty() && current != null && isNamed(current, title)) {
      named.add(current); // of a macro in batch mode
    }
    return named;
  }

  /** Spaces around a title do not count: neither dialogs nor macros keep them. */
  private static boolean isNamed(ImagePlus image, String title) {
    return image.getTitle().trim().equals(title.trim());
  }

  /**
   * The image named by its title, else by the path of a file, which is opened; the active image if
   * the name is empty.
   *
   * @throws CristaeException if there is none; the sentence lists what is open. Or if its file
   *     cannot be opened whole, or there are several of this title, and the active image is none of
   *     them
   */
  public static ImagePlus find(String name) throws CristaeException {
    List<ImagePlus> named = allTitled(name);
    ImagePlus current = WindowManager.getCurrentImage();
    if (named.size() > 1 && named.get(0) != current) {
      throw ambiguous(name);
    }
    ImagePlus image = name.isEmpty() ? current : named.isEmpty() ? null : named.get(0);
    if (image == null && !name.isEmpty() && new File(name).isFile()) {
      image = ImageFile.open(new File(name));
    }
    if (image != null) {
      return image;
    }
    StringBuilder open = new StringBuilder();
    for (ImagePlus other : all()) {
      open.append(open.length() == 0 ? "" : ", ").append(other.getTitle());
    }
    throw new CristaeException(
        ErrorCode.ERROR_CODE_NOT_FOUND,
        (name.isEmpty()
                ? "No image is open."
                : new File(name).isAbsolute()
                    ? "There is no file " + name + ", and no open image of this name."
                    : "No image named \"" + name + "\" is open.")
            + (open.length() == 0 ? " Open one first." : " Open are: " + open + "."));
  }

  /**
   * The image that was chosen. Of several of one title a person means the active one; a macro must
   * tell them apart, unless the other one is that of the labels.
   *
   * @throws CristaeException if there is none, or it is not clear which it is
   */
  static ImagePlus image(Choices choices) throws CristaeException {
    String name = choices.get("image", "");
    int named = allTitled(name).size();
    boolean isPair = named == 2 && choices.get("labels", "").trim().equals(name.trim());
    if (choices.isOfMacro() && named > 1 && !isPair) {
      throw ambiguous(name);
    }
    return find(name);
  }

  /**
   * The labels named by their title or path, which are never the image itself, also if both have
   * the same title.
   *
   * @throws CristaeException if there are none, or it is not clear which they are
   */
  static ImagePlus findLabels(String name, ImagePlus image) throws CristaeException {
    List<ImagePlus> named = allTitled(name);
    boolean isOfImage = named.remove(image);
    if (named.size() > 1) {
      throw ambiguous(name);
    }
    if (!isOfImage) {
      return find(name);
    }
    if (named.isEmpty()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "\""
              + name
              + "\" is both the image and its labels. Choose the window with the labels, or the ROIs"
              + " of the ROI Manager.");
    }
    return named.get(0);
  }

  /**
   * The image named by its title or path, which is none of {@code others}, also if one of them has
   * the same title.
   *
   * @throws CristaeException if there is none, or it is not clear which it is
   */
  static ImagePlus findApart(String name, List<ImagePlus> others) throws CristaeException {
    List<ImagePlus> named = allTitled(name);
    named.removeAll(others);
    if (named.size() > 1) {
      throw ambiguous(name);
    }
    return named.isEmpty() ? find(name) : named.get(0);
  }

  private static CristaeException ambiguous(String name) {
    return new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "Several open images are named \""
            + name
            + "\". Give them different names with Image > Rename, so that they can be told apart.");
  }

  /** A title without its file name's end. */
  static String stem(String title) {
    return title.replaceFirst("\\.(?i:tiff?|ome\\.tiff?|zarr|h5|hdf5|png|jpe?g|nrrd|mrc)$", "");
  }

  /**
   * The title of what a model made: {@code stack-mito.tif} for the labels that {@code mito} found
   * in {@code stack.tif}; whatever else it is, is said: {@code stack-mito-instances.tif}.
   *
   * @param model its name; those of several that answered together, with + between
   */
  static String resultTitle(String source, String model, String output) {
    return freeTitle(source, output.equals("labels") ? model : model + "-" + output);
  }

  /**
   * The title of what was made of an image: {@code stack-clean.tif} for {@code stack.tif}. While
   * that is open, {@code stack-clean (2).tif}: models are called mito-2, but hardly "mito (2)".
   */
  static String freeTitle(String source, String made) {
    String stem = stem(source);
    String end = stem.equals(source) ? "" : ".tif";
    String name = stem + "-" + made;
    String title = name + end;
    for (int number = 2; titled(title) != null; number++) {
      title = name + " (" + number + ")" + end;
    }
    return title;
  }
}
