import { useEffect, useState } from 'react';

/** Whether something has been on the page for longer than an eye notices (150 ms). */
export function useLate(milliseconds = 150): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), milliseconds);
    return () => clearTimeout(timer);
  }, [milliseconds]);
  return late;
}
