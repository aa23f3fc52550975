/** Search over everything; not built yet. */
export function Palette({ onClose }: { onClose: () => void }) {
  void onClose;
  return null;
}
