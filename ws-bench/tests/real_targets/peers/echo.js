// Echo server with the npm package ws. The mode is the first argument; the port is printed.
const { WebSocketServer } = require("ws");

const mode = process.argv[2];
const options = { host: "127.0.0.1", port: 0 };
if (mode === "subprotocols") {
  options.handleProtocols = (offered) => (offered.has("v1.shop") ? "v1.shop" : false);
}
if (mode === "refuses") {
  options.verifyClient = (_, done) => done(false, 429, "slow down", { "Retry-After": "7" });
}
if (mode === "small") {
  options.maxPayload = 32;
}
if (mode === "deflate") {
  options.perMessageDeflate = true;
}
const server = new WebSocketServer(options, () => console.log(`listens on ${server.address().port}`));
server.on("connection", (socket) => {
  if (mode === "needs-subprotocol" && socket.protocol === "") {
    socket.close(4406, "Subprotocol not acceptable");
    return;
  }
  if (mode === "greets") {
    socket.send("welcome");
  }
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
if (mode === "needs-subprotocol") {
  server.options.handleProtocols = (offered) => [...offered][0];
}
