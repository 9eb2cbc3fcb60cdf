//! When and what: triggers, one pass per stack at a time, recovery, verdicts.
//!
//! What is done and in which order is the core's to say; how it is done is the adapters'.

mod adoption;
mod batch;
mod counted;
mod definition;
mod files;
mod pass;
mod repository;
mod source;
pub mod stack;
mod tell;
mod tell_source;
#[cfg(test)]
mod tests;

pub use adoption::Adoptions;
pub use batch::BatchReport;
pub use counted::Counted;
pub use definition::Definitions;
pub use definition::Rendered;
pub use definition::Site;
pub use pass::Job;
pub use pass::PlanError;
pub use pass::Planned;
pub use pass::Reconciler;
pub use pass::Report;
pub use repository::stacks;
pub use source::SourceTask;
