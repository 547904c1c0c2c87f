//! The producer; see the library for everything.

fn main() -> std::process::ExitCode {
    producer::main()
}
