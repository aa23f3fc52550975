/** Berth's sign: containers on a ship. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <rect width="32" height="32" rx="7" fill="#0e7490" />
      <path d="M6 20h20l-3 6H9z" fill="#fff" />
      <rect x="9" y="13" width="6" height="5" rx="1" fill="#f59f00" />
      <rect x="17" y="13" width="6" height="5" rx="1" fill="#fff" />
      <rect x="13" y="6" width="6" height="5" rx="1" fill="#fff" />
    </svg>
  );
}
