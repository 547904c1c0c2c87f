//! Calls the library.
fn main() -> std::process::ExitCode {
    producer::main()
}
