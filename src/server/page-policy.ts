// What pages may do in a browser: everything comes from this server. Pictures that were pasted are shown from blobs, those
// of style sheets from data: addresses.
const RULES = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

/** A `content-security-policy`: the rules of all pages, and what one needs besides. */
export const pagePolicy = (...more: readonly string[]): string => [...RULES, ...more].join('; ');
