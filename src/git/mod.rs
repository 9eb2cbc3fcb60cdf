//! git repositories. The only place that knows git2.
//!
//! A [`GitSource`] keeps a bare mirror with full history, asks its remote for its refs, and fetches only when the
//! followed ref moved. A [`CommitTree`] reads files at a commit; nothing is ever checked out. Everything here blocks:
//! call it through [`GitSource::run`] from async code. It decides nothing about stacks and tells nobody anything:
//! what was found is in the values that it returns.

mod error;
mod history;
mod init;
mod mirror;
mod remote;
mod scratch;
mod session;
mod source;
mod spec;
mod target;
mod transport;
mod tree;
mod url;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::GitError;
pub use history::CommitInfo;
pub use scratch::ScratchRepository;
pub use source::GitSource;
pub use source::News;
pub use source::Poll;
pub use source::Repair;
pub use spec::Auth;
pub use spec::Deadlines;
pub use spec::Follow;
pub use spec::SourceSpec;
pub use tree::CommitTree;
pub use tree::DEFAULT_FILE_LIMIT;
pub use url::RemoteUrl;
pub use url::UrlError;
