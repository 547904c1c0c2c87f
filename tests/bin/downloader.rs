//! Calls the library.
fn main() -> std::process::ExitCode {
    downloader::main()
}
