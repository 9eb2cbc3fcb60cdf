//! How Evenkeel is watched: logs on stderr, and metrics. Also the one place where TLS gets its cryptography.
//!
//! Nothing here knows what is worth saying; it only carries it.

mod logging;
mod metrics;
mod tls;

pub use logging::LogError;
pub use logging::LogFormat;
pub use logging::LogOptions;
pub use logging::init as init_logging;
pub use metrics::Metrics;
pub use tls::install_crypto_provider;
