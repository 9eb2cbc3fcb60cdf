//! The process edge: arguments in, exit code out.

fn main() -> std::process::ExitCode {
    evenkeel::cli::main()
}
