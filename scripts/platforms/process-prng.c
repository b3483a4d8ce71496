/* bcryptprimitives.dll, as far as Rust's standard library calls it: Wine has it from version 9 on. */

#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
  return RtlGenRandom(data, (ULONG)length);
}
