//! Tells the linker about Node.js: the build script of the package `io-session-addon`.

fn main() {
    // Nothing else of the package matters here, and without this line each changed page of the docs would mean a new build.
    println!("cargo::rerun-if-changed=../build.rs");
    napi_build::setup();
}
