import { Copy } from './Copy';

/** A command to paste into a shell, with its copy button. `shown` replaces what is on the screen, for secrets. */
export function CommandBox({ command, what, shown }: { command: string; what: string; shown?: string }) {
  return (
    <div className="command">
      <pre>{shown ?? command}</pre>
      <Copy text={command} what={what} />
    </div>
  );
}
