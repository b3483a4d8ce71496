'use strict';

// This machine, as the names of platform packages have it: `linux-x64-musl`.

const { platform, arch, report } = process;
const abi = {
  linux: () => (report.getReport().header.glibcVersionRuntime ? '-gnu' : '-musl'),
  win32: () => '-msvc',
};

module.exports.TARGET = `${platform}-${arch}${abi[platform]?.() ?? ''}`;
