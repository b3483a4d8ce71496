/**
 * `node -r io-session/register app.js`, or `--import`: every zappajs in the process uses this package in the place of the
 * `io-session` that it carries. Loading it is all there is to do, before zappajs; it exports nothing.
 *
 * @packageDocumentation
 */
export {};
