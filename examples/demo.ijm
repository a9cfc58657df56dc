// Learns the left part of a labelled FIB-SEM stack and segments its right part.
// `make demo` runs this macro in ImageJ. By hand: Plugins > Macros > Run..., and choose this file.
folders = split(getArgument(), "|");
if (folders.length != 2) folders = newArray(getDir("Folder with raw.tif and neurons.tif"), getDir("Save to"));
open(folders[0] + "raw.tif");
open(folders[0] + "neurons.tif");

// Ten columns between the parts are left out, so that they do not touch.
cut("raw.tif", 0, 120, "left.tif");
cut("neurons.tif", 0, 120, "left-neurons.tif");
cut("raw.tif", 130, 70, "right.tif");

run("Cristae Train", "image=left.tif labels=left-neurons.tif task=instances name=neurons minutes=3");
run("Cristae Segment", "image=right.tif model=neurons output=labels");  // 1 inside of neurons, 2 boundary
saveAs("Tiff", folders[1] + "right-boundaries.tif");
run("Cristae Segment", "image=right.tif model=neurons");  // one number for each neuron
saveAs("Tiff", folders[1] + "right-neurons.tif");

function cut(title, x, width, newTitle) {
  selectImage(title);
  makeRectangle(x, 0, width, getHeight());
  run("Duplicate...", "title=" + newTitle + " duplicate");
}
