/** Where a node listens or is dialled. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `1.2.3.4:port` or `[v6]:port`; `null` for anything else. Port 0 lets the system choose. */
export function parseAddress(text: string): Address | null {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^\s:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port ?? Number.NaN);
  const host = match?.groups?.v6 ?? match?.groups?.host;
  return host === undefined || !(port <= 65_535) ? null : { host, port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
