//! Has the types of the addon written anew when `napi build` asks for them; nothing to do for the plain Rust build.

fn main() {
    // Nothing else of the package matters here, and without this line each changed page of the docs would mean a new build.
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_ADDON").is_some() {
        napi_build::setup();
    }
}
