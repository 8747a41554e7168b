"""REST endpoints of integrations.

rules        bounds
definition   what an endpoint is: path, query, headers, body, parameters, pagination
json_values  foreign JSON: its depth, pointers into it
expansion    puts the values of parameters into an endpoint
pagination   finds the next page
services     define endpoints, and run them
"""
