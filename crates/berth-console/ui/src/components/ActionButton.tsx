import { Button, type ButtonProps, Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';

/** A button that says why it cannot be used; with a reason it stays reachable, so that everybody can read the reason. */
export function ActionButton({
  reason,
  onClick,
  children,
  ...props
}: ButtonProps & { reason?: string | undefined; onClick?: () => void; children: ReactNode }) {
  if (reason === undefined) {
    return (
      <Button onClick={onClick} {...props}>
        {children}
      </Button>
    );
  }
  return (
    <Tooltip label={reason}>
      <Button {...props} data-disabled aria-disabled onClick={(event) => event.preventDefault()}>
        {children}
      </Button>
    </Tooltip>
  );
}
