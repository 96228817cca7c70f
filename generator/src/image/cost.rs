//! What a feature costs: a kernel with it, less the same kernel without it.
//!
//! Both are compiled, and kept in the cache like any kernel; nothing is told
//! from a table. What code two features share is neither's, so the costs of all
//! of them do not add up to the kernel.

use crate::image::{
    KernelError, Progress,
    attach::attach,
    kernel::exact_kernel,
    packed::as_in_images,
    target::{Feature, Features, Target},
};

/// The cost of one feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Which.
    pub feature: Feature,
    /// How much longer the kernel is with it, in bytes.
    pub bytes: i64,
}

/// The costs of those features that the target's kernel could do without.
pub fn costs(
    target: Target,
    features: &Features,
    progress: &dyn Progress,
) -> Result<Vec<Cost>, KernelError> {
    let spared: Vec<Feature> = features
        .iter()
        .map(|(feature, _)| feature)
        .filter(|feature| target.can_do_without(*feature, features))
        .collect();
    if spared.is_empty() {
        return Ok(Vec::new());
    }
    let whole = kernel_bytes(target, features, progress)?;
    spared
        .into_iter()
        .map(|feature| {
            let without = kernel_bytes(target, &features.without(feature), progress)?;
            Ok(Cost {
                feature,
                bytes: whole - without,
            })
        })
        .collect()
}

/// How long a kernel is, as it stands in images.
fn kernel_bytes(
    target: Target,
    features: &Features,
    progress: &dyn Progress,
) -> Result<i64, KernelError> {
    let kernel = exact_kernel(target, features, progress)?;
    // Any bundle will do: what counts is where the kernel ends.
    let bytes = as_in_images(target, &kernel)
        .and_then(|elf| Ok(attach(&elf, 1)?.kernel_bytes()))
        .unwrap_or(kernel.elf.len() as u64);
    Ok(bytes.try_into().unwrap_or(i64::MAX))
}
