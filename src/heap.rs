//! The allocator's set-up.
//!
//! glibc gives each thread an arena of its own. Workers fill the run's one table in turn, so that what
//! is freed in one arena is not to be had in another: on a hostile log the peak of four threads was 74
//! to 102 MiB, by chance, and is 62 with one arena. Workers hardly allocate while they count, so they do
//! not wait for each other: no difference in time was measured.

/// Has all threads share one arena, where the allocator is glibc's. Before any thread is started.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "there is no safe way to ask glibc; measured, see above"
)]
pub(crate) fn share() {
    // SAFETY: mallopt only sets a parameter of the allocator; no other thread exists yet. What it
    // returns is whether it was understood: where not, only more memory is used.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn share() {}
