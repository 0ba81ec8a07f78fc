import { line, open } from "./socket.js";

const list = document.getElementById("messages");
const form = document.getElementById("say");
const socket = open(list.dataset.socket, document.getElementById("state"), form.querySelector("button"));

const words = { joined: "came in", left: "went out" };

socket.addEventListener("message", (event) => {
  const { type, name, text } = JSON.parse(event.data);
  line(list, name, words[type] ?? text);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  socket.send(JSON.stringify({ text: form.text.value }));
  form.reset();
});
