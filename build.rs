//! Has the types of the addon written anew when `napi build` asks for them.

fn main() {
    // Without this line each changed page of the docs would mean a new build.
    println!("cargo::rerun-if-changed=build.rs");
    napi_build::setup();
}
