//! The images that the proofs push: each is made anew from what this machine's package mirror holds or from
//! bytes made up on the spot.

use std::fs;
use std::path::PathBuf;

use crate::debian::debian;
use crate::home::Home;
use crate::image::{Compression, Descriptor, Layer, Layout, empty_tar, random_tar};

/// The tag of the sample in its layout.
pub const TAG: &str = "1";

const MIB: u64 = 1 << 20;

/// An image of a whole Debian in layers of every compression, with an empty layer on top.
pub fn debian_image() -> Layout {
    let compressions = [Compression::Gzip, Compression::Zstd, Compression::None];
    layout_of(|layout| {
        let layers = debian_layers(layout, compressions);
        layout.image("amd64", &layers)
    })
}

/// The same image with gzip layers only, for clients that are older than zstd layers.
pub fn gzip_debian_image() -> Layout {
    layout_of(|layout| {
        let layers = debian_layers(layout, [Compression::Gzip; 3]);
        layout.image("amd64", &layers)
    })
}

/// A small image: one program that runs, one file that does not compress, one empty layer.
pub fn small_image() -> Layout {
    layout_of(|layout| small(layout, "amd64", 1))
}

/// An index of small images for three architectures.
pub fn multi_architecture_index() -> Layout {
    layout_of(|layout| {
        let images: Vec<Descriptor> = [("amd64", 1), ("arm64", 2), ("s390x", 3)]
            .into_iter()
            .map(|(architecture, seed)| small(layout, architecture, seed))
            .collect();
        layout.index(&images)
    })
}

/// An image whose one layer has `size_mib` MiB that no compression makes smaller.
pub fn large_image(size_mib: u64) -> Layout {
    let home = Home::new("large");
    let tar = random_tar(&home, "large.tar", size_mib * MIB, 7);
    layout_of(|layout| {
        let layer = layout.layer(&tar, Compression::None);
        layout.image("amd64", &[layer])
    })
}

/// An image with layers of so many MiB each that no compression makes smaller.
pub fn layered_image(sizes_mib: &[u64]) -> Layout {
    let home = Home::new("layered");
    layout_of(|layout| {
        let layers = (1..).zip(sizes_mib).map(|(seed, size_mib)| {
            let tar = random_tar(&home, &format!("layer{seed}.tar"), size_mib * MIB, seed);
            layout.layer(&tar, Compression::None)
        });
        let layers: Vec<Layer> = layers.collect();
        layout.image("amd64", &layers)
    })
}

/// A tar file with a busybox that answers to `/bin/sh` and `/bin/cat`.
pub fn busybox_tar(home: &Home) -> PathBuf {
    let path = home.join("busybox.tar");
    let file = fs::File::create(&path).expect("a tar file can be made");
    let mut archive = tar::Builder::new(file);
    let busybox = "/bin/busybox";
    archive
        .append_path_with_name(busybox, "bin/busybox")
        .expect("busybox is installed (run scripts/install-test-tools)");
    for name in ["bin/sh", "bin/cat"] {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive
            .append_link(&mut header, name, "busybox")
            .expect("a link can be written");
    }
    archive.into_inner().expect("a tar file can be closed");
    path
}

fn small(layout: &Layout, architecture: &str, seed: u64) -> Descriptor {
    let home = Home::new("small");
    let layers = [
        layout.layer(&busybox_tar(&home), Compression::Gzip),
        layout.layer(&random_tar(&home, "data.tar", MIB, seed), Compression::Gzip),
        layout.layer(&empty_tar(&home), Compression::Gzip),
    ];
    layout.image(architecture, &layers)
}

fn debian_layers(layout: &Layout, compressions: [Compression; 3]) -> Vec<Layer> {
    let debian = debian();
    let mut layers: Vec<Layer> = debian
        .layers
        .iter()
        .zip(compressions)
        .map(|(tar, compression)| layout.layer(tar, compression))
        .collect();
    let home = Home::new("empty");
    layers.push(layout.layer(&empty_tar(&home), Compression::Gzip));
    layers
}

fn layout_of(make: impl FnOnce(&Layout) -> Descriptor) -> Layout {
    let mut layout = Layout::new();
    let descriptor = make(&layout);
    layout.tag(TAG, descriptor);
    layout
}
