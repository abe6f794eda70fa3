// The Node.js runtime of the embedded AWS: loads the handler that _HANDLER
// names and speaks the Lambda runtime API. Rules: "Define Lambda function
// handler in Node.js" and "AWS Lambda context object in Node.js".
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const root = process.env.LAMBDA_TASK_ROOT;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let requestId;

function api(method, where, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, agent, path: `/2018-06-01/runtime${where}`, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function report(error, type) {
  const isError = error instanceof Error;
  return JSON.stringify({
    errorType: type ?? (isError ? error.name : typeof error),
    errorMessage: isError ? error.message : String(error),
    trace: isError && error.stack ? error.stack.split("\n") : [],
  });
}

for (const [name, level] of Object.entries({ log: "INFO", debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR", trace: "TRACE" })) {
  console[name] = (...args) => process.stdout.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${format(...args).replace(/\n/g, "\r")}\n`);
}

class InitError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

const requireUser = createRequire(path.join(root, "task"));
const existing = (base, extensions) => extensions.map((extension) => base + extension).find((file) => existsSync(file));

// isModule tells whether a .js file is an ES module, by the nearest package.json.
function isModule(folder) {
  if (folder.endsWith("/node_modules")) return false;
  try {
    return JSON.parse(readFileSync(path.join(folder, "package.json"))).type === "module";
  } catch (error) {
    if (error.code !== "ENOENT" || folder === root || folder === path.dirname(folder)) return false;
  }
  return isModule(path.dirname(folder));
}

// loadModule finds a module as the runtime does: what has the very name, a folder
// with index.js or package.json too, then its extensions, then node_modules and
// NODE_PATH (aws-lambda-nodejs-runtime-interface-client, src/UserFunction.js).
async function loadModule(moduleRoot, module) {
  const base = path.resolve(root, moduleRoot, module);
  if (existsSync(base)) return requireUser(base);
  if (existsSync(base + ".js") && !isModule(path.dirname(base))) return requireUser(base + ".js");
  const typescript = process.env.AWS_EXECUTION_ENV === "AWS_Lambda_nodejs24.x" ? [".ts", ".mts", ".cts"] : [];
  const file = existing(base, [".js", ".mjs", ".cjs", ...typescript]);
  if (file) return import(pathToFileURL(file));
  return requireUser(requireUser.resolve(module, { paths: [root, path.resolve(root, moduleRoot)] }));
}

async function load() {
  const handler = process.env._HANDLER ?? "";
  if (handler.includes("..")) throw new InitError("Runtime.MalformedHandlerName", `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  const file = path.basename(handler);
  const [, name, names] = /^([^.]*)\.(.*)$/.exec(file) ?? [];
  if (name === undefined) throw new InitError("Runtime.MalformedHandlerName", "Bad handler");
  let module;
  try {
    module = await loadModule(handler.slice(0, handler.indexOf(file)), name);
  } catch (error) {
    if (error instanceof SyntaxError) throw Object.assign(new InitError("Runtime.UserCodeSyntaxError", String(error)), { stack: error.stack });
    if (error?.code === "ERR_MODULE_NOT_FOUND" || error?.code === "MODULE_NOT_FOUND") {
      throw new InitError("Runtime.ImportModuleError", `Error: ${error.message.split("\n")[0]}`);
    }
    throw error;
  }
  const pick = (from) => names.split(".").reduce((value, key) => value?.[key], from);
  const chosen = pick(module) ?? pick(module.default);
  if (chosen === undefined) throw new InitError("Runtime.HandlerNotFound", `${handler} is undefined or not exported`);
  if (typeof chosen !== "function") throw new InitError("Runtime.HandlerNotFound", `${handler} is not a function`);
  return chosen;
}

// What functions stream with ("Response streaming for Lambda functions").
const streaming = Symbol("streaming");
globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign((...args) => handler(...args), { [streaming]: true }),
  HttpResponseStream: {
    from(stream, metadata) {
      stream.write(JSON.stringify(metadata));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

// stream lets a handler write its answer bit by bit. What it throws before the
// first bit is an answer of its own.
async function stream(handler, event, context) {
  const headers = { "Lambda-Runtime-Function-Response-Mode": "streaming", "Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked" };
  const request = http.request({ host, port, method: "POST", agent, path: `/2018-06-01/runtime/invocation/${requestId}/response`, headers });
  const answered = new Promise((resolve, reject) => {
    request.on("response", (response) => response.resume().on("end", resolve));
    request.on("error", reject);
  });
  answered.catch(() => {});
  request.setContentType = () => {};
  try {
    await handler(event, request, context);
  } catch (error) {
    request.destroy();
    throw error;
  }
  if (!request.writableEnded) request.end();
  await answered;
}

// run settles with the handler's promise, its callback, or null once nothing is
// left to wait for.
function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const idle = () => resolve(null);
    const settle = (end) => (value) => {
      process.removeListener("beforeExit", idle);
      end(value);
    };
    process.once("beforeExit", idle);
    const callback = (error, value) => (error ? settle(reject)(error) : settle(resolve)(value));
    Object.assign(context, { done: callback, succeed: settle(resolve), fail: settle(reject) });
    try {
      const value = handler(event, context, callback);
      if (typeof value?.then === "function") value.then(settle(resolve), settle(reject));
    } catch (error) {
      settle(reject)(error);
    }
  });
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

async function fail(error) {
  console.error("Uncaught Exception", report(error));
  const where = requestId ? `/invocation/${requestId}/error` : "/init/error";
  await api("POST", where, report(error)).catch(() => {});
  process.exit(129);
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", (reason) => fail(Object.assign(new Error(String(reason?.message ?? reason)), { name: "Runtime.UnhandledPromiseRejection" })));

const handler = await load().catch(fail);
for (;;) {
  const next = await api("GET", "/invocation/next");
  requestId = next.headers["lambda-runtime-aws-request-id"];
  let where = "response";
  let body;
  try {
    if (handler[streaming]) {
      await stream(handler, JSON.parse(next.body || "{}"), contextOf(next.headers));
      continue;
    }
    body = JSON.stringify((await run(handler, JSON.parse(next.body || "{}"), contextOf(next.headers))) ?? null);
  } catch (error) {
    where = "error";
    body = report(error);
    console.error("Invoke Error", body);
  }
  await api("POST", `/invocation/${requestId}/${where}`, body);
}
