//! libgit2's process-wide settings, made once before its first use. The only file of the crate with `unsafe` in it.

use std::sync::OnceLock;

use git2::ConfigLevel;

use super::error::GitError;
use super::session::SCHEME;
use super::transport;

/// libgit2's cache of parsed objects. Its default of 256 MiB is for interactive use.
const OBJECT_CACHE_BYTES: isize = 4 << 20;

/// Makes libgit2 ready. Every function of this module that calls libgit2 comes through here first.
pub(super) fn ready() -> Result<(), GitError> {
    static DONE: OnceLock<Result<(), GitError>> = OnceLock::new();
    DONE.get_or_init(|| {
        // Fails only if the process has a provider already, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        configure().map_err(|error| GitError::Other {
            doing: "set up libgit2".into(),
            detail: error.message().to_owned(),
        })
    })
    .clone()
}

/// * No configuration but a repository's own is read: a user's `url.insteadOf` must not change where we fetch from.
/// * A remote that is a folder may belong to anybody. git refuses those because it would run the hooks and programs
///   that their configuration names; libgit2 runs none.
#[expect(
    unsafe_code,
    reason = "these calls write libgit2's globals without a lock: its settings, and its list of transports. The \
              once-cell in `ready` lets one thread in and holds all others until it is through, and nothing calls \
              libgit2 without `ready`: so no other thread reads them meanwhile, and nobody writes them again"
)]
fn configure() -> Result<(), git2::Error> {
    unsafe {
        for level in [ConfigLevel::System, ConfigLevel::XDG, ConfigLevel::Global, ConfigLevel::ProgramData] {
            git2::opts::set_search_path(level, "")?;
        }
        git2::opts::set_verify_owner_validation(false)?;
        git2::opts::set_cache_max_size(OBJECT_CACHE_BYTES)?;
        git2::transport::register(SCHEME, transport::open)
    }
}
