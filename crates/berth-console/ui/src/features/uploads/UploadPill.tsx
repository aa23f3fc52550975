/** Running uploads in the top bar; not built yet. */
export function UploadPill() {
  return null;
}
