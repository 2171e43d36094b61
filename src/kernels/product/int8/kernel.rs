//! Which instructions multiply integers: found out at run time, behind one safe boundary.

use std::marker::PhantomData;

use super::super::tile::{LINES, Part};
use super::portable;
use super::tile::{Panel, Strips};

/// The instructions of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    /// Tiles: `TDPBSSD`.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Amx,
    /// `VPDPBUSD`.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// `VPMADDUBSW`.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// `SDOT`.
    #[cfg(target_arch = "aarch64")]
    Dot,
    /// `SMULL` and `SMLAL`.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// What the compiler makes of it.
    Portable,
}

/// A kernel that this processor has. All of them have the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Int8Kernel(Instructions);

impl Int8Kernel {
    /// The fastest kernel, and why it is not that of AMX.
    pub fn find() -> (Self, Option<String>) {
        let no_amx = match Self::amx() {
            Ok(kernel) => return (kernel, None),
            Err(reason) => reason,
        };
        (Self::vector().unwrap_or(Self(Instructions::Portable)), Some(no_amx))
    }

    /// The kernel for AMX, or why there is none.
    fn amx() -> Result<Self, String> {
        super::super::kernel::Kernel::amx()?;
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if super::super::amx::has_integers() {
            return Ok(Self(Instructions::Amx));
        }
        Err("the AMX of this processor has no products of integers".to_owned())
    }

    /// The kernel for vectors.
    fn vector() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = super::avx512::is_there().then_some(Self(Instructions::Avx512));
            avx512.or_else(|| super::avx2::is_there().then_some(Self(Instructions::Avx2)))
        }
        #[cfg(target_arch = "aarch64")]
        return Some(Self(if super::neon::has_dot_products() { Instructions::Dot } else { Instructions::Neon }));
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        None
    }

    /// Every kernel that this processor has; says which are not there.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self(Instructions::Portable)];
        match Self::amx() {
            Ok(kernel) => all.push(kernel),
            Err(reason) => eprintln!("skipped the kernel of AMX for integers: {reason}"),
        }
        #[cfg(target_arch = "x86_64")]
        {
            let vectors =
                [(Instructions::Avx512, super::avx512::is_there()), (Instructions::Avx2, super::avx2::is_there())];
            for (instructions, is_there) in vectors {
                if is_there {
                    all.push(Self(instructions));
                } else {
                    eprintln!("skipped {instructions:?} for integers: this processor has it not");
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            all.push(Self(Instructions::Neon));
            if super::neon::has_dot_products() {
                all.push(Self(Instructions::Dot));
            } else {
                eprintln!("skipped SDOT for integers: this processor has it not");
            }
        }
        all
    }

    /// What any processor has.
    #[cfg(test)]
    pub fn portable() -> Self {
        Self(Instructions::Portable)
    }

    /// The kernel for AMX, where its instructions are emulated.
    #[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
    pub(in super::super) fn amx_without_asking() -> Self {
        Self(Instructions::Amx)
    }

    /// What its instructions are called.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Instructions::Amx => "AMX",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "AVX512-VNNI",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Instructions::Dot => "SDOT",
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => "NEON",
            Instructions::Portable => "portable",
        }
    }

    /// How many blocks of 16 outputs it multiplies with at a time.
    pub(super) fn panel_blocks(self) -> usize {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Instructions::Amx => 2,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => super::avx512::BLOCKS,
            _ => 1,
        }
    }

    /// What is exclusive-ored to each integer of a row: the highest bit, where that adds 128 for a kernel of unsigned bytes.
    pub(super) fn flip(self) -> u8 {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => 0x80,
            _ => 0,
        }
    }

    /// Prepares the thread.
    pub(super) fn start(self) -> Session {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if self.0 == Instructions::Amx {
            // SAFETY: there is no kernel of this kind unless AMX is there and permitted.
            unsafe { super::super::amx::configure() };
        }
        Session { instructions: self.0, thread: PhantomData }
    }
}

/// A thread that is prepared for a kernel, until this is dropped. It stays on its thread, whose registers hold the
/// configuration of tiles; meanwhile nothing may run there that uses tiles itself.
pub(super) struct Session {
    instructions: Instructions,
    thread: PhantomData<*const ()>,
}

impl Session {
    /// Computes the part of a result that belongs to a panel: the product of the strips of its rows and the panel's blocks.
    /// Where the sizes do not go together nothing is computed.
    pub fn panel(&self, left: Strips<'_>, right: Panel<'_>, steps: usize, part: Part<'_>) {
        let (strips, blocks) = (part.rows.div_ceil(LINES), part.columns.div_ceil(LINES));
        let fits = left.tiles.len() == strips * steps
            && left.scales.len() == strips * LINES
            && right.tiles.len() == blocks * steps
            && right.scales.len() == blocks * LINES
            && right.offsets.len() == blocks * LINES
            && blocks <= Int8Kernel(self.instructions).panel_blocks();
        if !fits || !part.is_whole() || steps == 0 || blocks == 0 || strips == 0 {
            debug_assert!(false, "a panel of another size");
            return;
        }
        match self.instructions {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            // SAFETY: AMX is there, this session has configured its tiles, and the sizes were checked.
            Instructions::Amx => unsafe {
                let mut part = part;
                super::super::amx::integer_panel(left.tiles, right.tiles, steps, |sums, row, column| {
                    part.put_scaled(sums, (row, left.scales), (column, right.scales));
                });
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the instructions; the sizes were checked.
            Instructions::Avx512 => unsafe { super::avx512::panel(left, right, steps, part) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the instructions.
            Instructions::Avx2 => unsafe { super::avx2::panel(left, right, steps, part) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: the processor has the instructions.
            Instructions::Dot => unsafe { super::neon::panel_of_dot_products(left, right, steps, part) },
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => super::neon::panel(left, right, steps, part),
            Instructions::Portable => portable::panel(left, right, steps, part),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if self.instructions == Instructions::Amx {
            // SAFETY: AMX is there, and nothing is left in the tiles that anybody needs.
            unsafe { super::super::amx::release() };
        }
    }
}
