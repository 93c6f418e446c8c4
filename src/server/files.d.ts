// Files that are embedded as they are (`with { type: 'file' }`): importing one gives its path.
declare module 'swagger-ui-dist/*' {
  const path: string;
  export default path;
}
declare module '*/docs.js' {
  const path: string;
  export default path;
}
declare module '*/docs-resolver.js' {
  const path: string;
  export default path;
}
declare module '*.css' {
  const path: string;
  export default path;
}
declare module '*.svg' {
  const path: string;
  export default path;
}
