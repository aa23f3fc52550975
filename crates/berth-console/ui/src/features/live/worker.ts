import { listen, type Told } from './stream';

/** The one stream of all tabs that a person has open here. It ends with the last of them. */
const ports: MessagePort[] = [];
let connected = false;

function tell(told: Told): void {
  if (told.kind === 'connected') connected = told.connected;
  for (const port of ports) port.postMessage(told);
}

// The types are those of a page; a shared worker has a name, and is connected to.
const scope = globalThis as unknown as EventTarget & { name: string };
scope.addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port === undefined) return;
  ports.push(port);
  const first: Told = { kind: 'connected', connected };
  port.postMessage(first);
  // The name carries the address, and who listens: another person's tabs have a worker of their own.
  if (ports.length === 1) listen(scope.name.slice(scope.name.indexOf(' ') + 1), tell);
});
