// What every JavaScript runtime of ours offers beyond ECMAScript, for the packages that compile without the types of
// Node or of a browser (kernel, simplex, light). Nothing with I/O, a clock or randomness belongs here.

declare global {
  class TextEncoder {
    encode(input?: string): Uint8Array<ArrayBuffer>;
  }

  class TextDecoder {
    constructor(label?: 'utf-8', options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
    decode(input?: ArrayBufferView | ArrayBuffer): string;
  }
}

export {};
