/** The worker's script: gzip in base64, made by the build for bundlers that know no assets. */
declare const text: string;
export default text;
