"""One image in every kind of file that Cristae reads, written by the libraries of others."""

import h5py
import imageio.v3
import mrcfile
import nibabel
import numpy as np
import tensorstore
import tifffile
import zarr

SHAPE = (5, 40, 30)


def some_voxels():
    return np.random.default_rng(0).integers(0, 120, SHAPE).astype(np.uint8)


def write_tiff(place, voxels):
    tifffile.imwrite(
        place,
        voxels,
        imagej=True,
        resolution=(250, 250),
        metadata={"axes": "ZYX", "spacing": 0.05, "unit": "um"},
    )


def write_packed_tiff(place, voxels):
    tifffile.imwrite(place, voxels, compression="zlib", photometric="minisblack")


def write_hdf5(place, voxels):
    with h5py.File(place, "w") as file:
        data = file.create_dataset("raw", data=voxels, chunks=(2, 16, 16), compression="gzip")
        data.attrs["element_size_um"] = (0.05, 0.004, 0.004)


def write_mrc(place, voxels):
    with mrcfile.new(place) as file:
        file.set_data(voxels.astype(np.int16))
        file.voxel_size = (40, 40, 500)


def write_nifti(place, voxels):
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(voxels.T), np.eye(4)), place)


def write_n5(place, voxels):
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{place}/"},
        "metadata": {"dimensions": voxels.shape[::-1], "blockSize": [16, 16, 2], "dataType": "uint8"},
    }
    tensorstore.open(spec, create=True).result().write(np.ascontiguousarray(voxels.T)).result()


def write_ome_zarr(version):
    def write(place, voxels):
        group = zarr.open_group(place, mode="w", zarr_format=2 if version == "0.4" else 3)
        group.create_array("0", data=voxels, chunks=(2, 16, 16))
        axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
        scale = [{"type": "scale", "scale": [50.0, 4.0, 4.0]}]
        datasets = [{"path": "0", "coordinateTransformations": scale}]
        multiscales = [{"version": version, "axes": axes, "datasets": datasets}]
        group.attrs.update(
            {"multiscales": multiscales}
            if version == "0.4"
            else {"ome": {"version": version, "multiscales": multiscales}}
        )

    return write


def write_planes(ending):
    def write(place, voxels):
        place.mkdir()
        for z, plane in enumerate(voxels, 8):
            if ending == "tif":
                tifffile.imwrite(place / f"plane{z}.tif", plane)
            else:
                imageio.v3.imwrite(place / f"plane{z}.{ending}", plane)

    return write


FORMATS = {
    "a.tif": write_tiff,
    "packed.tif": write_packed_tiff,
    "a.h5": write_hdf5,
    "a.mrc": write_mrc,
    "a.nii": write_nifti,
    "a.nii.gz": write_nifti,
    "n5": write_n5,
    "old.zarr": write_ome_zarr("0.4"),
    "new.zarr": write_ome_zarr("0.5"),
    "planes": write_planes("tif"),
    "pictures": write_planes("png"),
}
