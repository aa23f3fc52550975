/** What the server wrote into the page. */
function written(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';
}

/** The path in front of the console when a proxy serves it under one, such as `/berth`; empty otherwise. */
export const basePath = written('berth-base');

/** What the content security policy of this answer lets style elements carry. */
export const styleNonce = written('berth-nonce');
