import requests
import json
from sseclient import SSEClient

class ClaraCoreClient:
    def __init__(self, base_url="http://localhost:5800", api_key=None):
        self.base_url = base_url
        self.headers = {"Content-Type": "application/json"}
        if api_key:
            self.headers["Authorization"] = f"Bearer {api_key}"
    
    def chat_completion(self, model, messages, **kwargs):
        """OpenAI-compatible chat completion"""
        data = {
            "model": model,
            "messages": messages,
            **kwargs
        }
        response = requests.post(
            f"{self.base_url}/v1/chat/completions",
            headers=self.headers,
            json=data
        )
        return response.json()
    
    def download_model(self, url, model_id, filename):
        """Start model download"""
        data = {
            "url": url,
            "modelId": model_id,
            "filename": filename
        }
        response = requests.post(
            f"{self.base_url}/api/models/download",
            headers=self.headers,
            json=data
        )
        return response.json()
    
    def monitor_events(self):
        """Monitor real-time events"""
        url = f"{self.base_url}/api/events"
        if "Authorization" in self.headers:
            # Add API key as query param for SSE
            api_key = self.headers["Authorization"].replace("Bearer ", "")
            url += f"?api_key={api_key}"
        
        for event in SSEClient(url):
            if event.data:
                yield json.loads(event.data)

# Usage
client = ClaraCoreClient(api_key="your-api-key")

# Chat with model
response = client.chat_completion(
    model="llama-3.2-3b-instruct",
    messages=[{"role": "user", "content": "Hello!"}],
    temperature=0.7
)
print(response["choices"][0]["message"]["content"])

# Monitor events
for event in client.monitor_events():
    if event["type"] == "modelStatus":
        models = json.loads(event["data"])
        print(f"Active models: {[m['id'] for m in models if m['state'] == 'ready']}")
