//! Where the module's memory comes from: blocks of powers of two, each size with a list of those that are free.
//!
//! The standard allocator is an eighth of a module of this size. A connection's memory is small and its sizes repeat, so
//! nothing is ever put together again: what is held is at most what each size needed at its peak, and at most twice of what
//! was asked for.
#![allow(unsafe_code, reason = "an allocator hands out memory that the language does not know yet")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::memory_grow;
use core::cell::UnsafeCell;
use core::ptr::null_mut;

/// The smallest block, and what every block is aligned to: no type here asks for more.
const SMALLEST: usize = 16;
const PAGE: usize = 64 * 1024;

#[global_allocator]
static MEMORY: Memory = Memory(UnsafeCell::new(Blocks { free: [0; usize::BITS as usize], next: 0, end: 0 }));

struct Memory(UnsafeCell<Blocks>);

struct Blocks {
    /// By the logarithm of their size: the address of the first free block, in which the address of the next one stands. Zero
    /// is none.
    free: [usize; usize::BITS as usize],
    /// Where memory begins that was never handed out, and where it ends.
    next: usize,
    end: usize,
}

// SAFETY: the target has one thread (the build does not enable `atomics`), and no allocation happens within another one.
unsafe impl Sync for Memory {}

// SAFETY: a block belongs to one holder from `alloc` to `dealloc`: it is either taken out of its list or cut off the memory
// that was never handed out. It is at least as large as its layout and aligned to 16; a layout that asks for more is refused.
// The default `realloc` and `alloc_zeroed` build on the two.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and neither method calls out while it holds the borrow.
        let blocks = unsafe { &mut *self.0.get() };
        if layout.align() > SMALLEST {
            return null_mut();
        }
        let class = class_of(layout);
        let first = blocks.free[class];
        if first == 0 {
            return blocks.cut(1 << class) as *mut u8;
        }
        // SAFETY: a free block is ours, and `dealloc` has written the next one's address there.
        blocks.free[class] = unsafe { *(first as *const usize) };
        first as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        let blocks = unsafe { &mut *self.0.get() };
        let first = &mut blocks.free[class_of(layout)];
        // SAFETY: the holder has given it back; it has 16 bytes at least and is aligned to 16.
        unsafe { *block.cast::<usize>() = *first };
        *first = block as usize;
    }
}

impl Blocks {
    /// Memory that was never handed out; zero when there is none.
    fn cut(&mut self, size: usize) -> usize {
        if self.end - self.next < size {
            let pages = size.div_ceil(PAGE);
            let before = memory_grow(0, pages);
            if before == usize::MAX {
                return 0;
            }
            // What was left behind the last cut, less than a page as a rule, is given up where the new pages do not follow it.
            if before * PAGE != self.end {
                self.next = before * PAGE;
            }
            self.end = (before + pages) * PAGE;
        }
        let block = self.next;
        self.next += size;
        block
    }
}

fn class_of(layout: Layout) -> usize {
    layout.size().max(SMALLEST).next_power_of_two().trailing_zeros() as usize
}
