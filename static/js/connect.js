// The handshake of the page's websocket goes on while the modules load; js/socket.js takes it over, unless it came first.
if (!("earlySocket" in window)) {
  window.earlySocket = new WebSocket(new URL(`${document.querySelector("meta[name=root]").content}ws/`, location.href.replace(/^http/, "ws")).href);
}
