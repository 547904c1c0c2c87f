//! The downloader; see the library for everything.

fn main() -> std::process::ExitCode {
    downloader::main()
}
